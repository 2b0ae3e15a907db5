let armed = false;

/**
 * Ends this process when the one that runs the tests is gone, so that the nodes it started end too; the pipes to
 * them would otherwise keep it alive.
 */
export function endWithParent(): void {
  if (armed || !process.connected) return;
  armed = true;
  process.once('disconnect', () => process.exit(1));
}
