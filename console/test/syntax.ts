/* Going through the syntax tree of a source, for tests of how the console is written. */
export interface Node {
  type: string;
  [key: string]: unknown;
}
export function walk(node: unknown, see: (n: Node) => void): void {
  if (Array.isArray(node)) for (const n of node) walk(n, see);
  else if (typeof node === 'object' && node !== null) {
    if (typeof (node as Node).type === 'string') see(node as Node);
    for (const value of Object.values(node)) walk(value, see);
  }
}
