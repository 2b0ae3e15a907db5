/** What asks a node to stop: an orchestrator, or Ctrl-C. */
type StopSignal = 'SIGTERM' | 'SIGINT';
type Stop = (signal: StopSignal) => void;

/**
 * Until the node can stop in order, a signal ends it at once. As the first process of a container it would otherwise
 * ignore it, and be killed when the grace of the container is over. So the image has this loaded before main.ts, whose
 * imports take their time.
 */
let stop: Stop = () => process.exit(0);

// One listener for good: a signal that came while it is exchanged would be lost.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    stop(signal);
  });
}

/** From now on, `then` is told of each signal. */
export function onStopSignal(then: Stop): void {
  stop = then;
}
