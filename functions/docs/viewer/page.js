"use strict";

const api = new URL("../openapi.json", document.currentScript.src).href;

// The viewer has both looks; the reader's system chooses.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

/**
 * Takes the examples out of parameters that a call can do without. The viewer would fill them in, and a list with every filter,
 * or a change with a made-up version, is refused.
 */
function withoutFillers(response) {
  if (response.url === api && response.ok) {
    const { components, ...rest } = JSON.parse(response.text);
    for (const parameter of Object.values(components.parameters)) {
      if (!parameter.required) delete parameter.example;
    }
    response.text = JSON.stringify({ ...rest, components });
  }
  return response;
}

SwaggerUIBundle({
  url: api,
  dom_id: "#api",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  responseInterceptor: withoutFillers,
  // Nothing is sent to anyone but this API, and a token is kept nowhere.
  validatorUrl: null,
  persistAuthorization: false,
  queryConfigEnabled: false,
});
