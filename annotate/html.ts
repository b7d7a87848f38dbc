/** Text as it may stand in HTML, in attributes too. */
export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A piece of an address: letters, digits and hyphens. */
export function anchorOf(name: string): string {
  return name.replace(/\.(?:ts|wgsl)$/, "").replace(/[^\w]+/g, "-").replace(/^-|-$/g, "");
}
