// The page /api/docs: an interactive reference of /api/v1, served by us, asking nobody else.
import { createApiReference } from "@scalar/api-reference";
import styles from "@scalar/api-reference/style.css";

const sheet = document.createElement("style");
sheet.textContent = styles;
document.head.append(sheet);

createApiReference("#api-reference", {
  url: "/api/openapi.json",
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: "never",
  agent: { disabled: true },
  mcp: { disabled: true },
});
