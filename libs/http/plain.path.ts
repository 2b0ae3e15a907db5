/** A path as the router compares it: in any case, with or without a last slash. */
export function plainPath(path: string): string {
  const lower = path.toLowerCase();
  return lower.length > 1 && lower.endsWith('/') ? lower.slice(0, -1) : lower;
}

export function isMetrics(path: string): boolean {
  return plainPath(path) === '/metrics';
}

/** What watches this node (health, metrics) is answered whatever the load. */
export function isWatcher(path: string): boolean {
  const plain = plainPath(path);
  return plain === '/metrics' || plain === '/health' || plain.startsWith('/health/');
}
