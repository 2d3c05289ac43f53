// Django admin has no room for our attribute on <html>: takes the theme from our cookie before the page is painted.
{
  const theme = /(?:^|; )theme=(dark|light)/.exec(document.cookie);
  if (theme) document.documentElement.dataset.theme = theme[1];
}
