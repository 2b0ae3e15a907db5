import type { RegistryAnswer } from './membership.scripts.js';

interface LivingEpoch {
  readonly epoch: number;
  readonly instance: string;
  readonly renewals: number;
}

/** What this process knows of the registry since its last renewal. */
export interface RegistryView {
  /** The last epoch issued. */
  readonly counter: number;
  readonly living: readonly LivingEpoch[];
  /** Highest values that processes share, by name. */
  readonly maxima: ReadonlyMap<string, number>;
  /** The same for scripts: `<counter> <epoch>:<instance> ..` */
  readonly snapshot: string;
}

export const unknownRegistry: RegistryView = { counter: 0, living: [], maxima: new Map(), snapshot: '0' };

export function parseRegistry([counter, epochs, shared]: RegistryAnswer): RegistryView {
  const living: LivingEpoch[] = [];
  for (let i = 0; i + 2 < epochs.length; i += 3) {
    living.push({ epoch: Number(epochs[i]), instance: epochs[i + 1] ?? '', renewals: Number(epochs[i + 2]) });
  }
  living.sort((a, b) => a.epoch - b.epoch);
  const maxima = new Map<string, number>();
  for (let i = 0; i + 1 < shared.length; i += 2) maxima.set(shared[i] ?? '', Number(shared[i + 1]));
  return {
    counter: Number(counter),
    living,
    maxima,
    snapshot: [counter, ...living.map(({ epoch, instance }) => `${epoch}:${instance}`)].join(' '),
  };
}
