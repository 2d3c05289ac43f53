// Starts what every page has. One small module per idea; none of them needs a build step.
import "./theme.js";
import "./menus.js";
import "./tips.js";
import "./dialogs.js";
import "./toasts.js";
import "./copy.js";
import "./times.js";
import "./links.js";
import "./palette.js";
import "./shortcuts.js";
import "./power.js";
import "./bulk.js";
import "./connection.js";
import "./tray.js";
import "./guests.js";
import "./refetch.js";
import "./forms.js";
