/** How many neighbouring invocations share a row of so many items: enough that none walks more than about 16. */
export function lanesFor(items: number): number {
  return items <= 128 ? 8 : items <= 512 ? 32 : 64;
}
