// Shows the OpenAPI document with Swagger UI. "Try it out" uses the visitor's own session, so it needs the CSRF token.
const page = document.getElementById("api-docs");
const csrf = document.querySelector("meta[name=csrf-token]").content;

window.SwaggerUIBundle({
  url: page.dataset.schema,
  domNode: page,
  docExpansion: "list",
  deepLinking: true,
  // The default asks a public validator on the internet.
  validatorUrl: null,
  requestInterceptor(request) {
    request.headers["X-CSRFToken"] = csrf;
    return request;
  },
});
