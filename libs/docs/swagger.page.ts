/** The file that starts Swagger UI; the others are the package's own. */
export const START_FILE = 'start.js';

/** A page without inline scripts, as the Content-Security-Policy asks for. @param base where its files are */
export function swaggerPage(base: string): string {
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>distributed-sync-system</title>
    <link rel="stylesheet" href="${base}swagger-ui.css">
    <link rel="icon" type="image/png" href="${base}favicon-32x32.png">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${base}swagger-ui-bundle.js"></script>
    <script src="${base}${START_FILE}"></script>
  </body>
</html>
`;
}

/** Finds the document beside the page, wherever a proxy has put both, and asks nobody else anything. */
export const startScript = `SwaggerUIBundle({
  url: new URL('../openapi.json', document.currentScript.src).href,
  dom_id: '#swagger-ui',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
});
`;
