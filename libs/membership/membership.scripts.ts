import { loadScript } from '#lib/redis';

const folder = new URL('./scripts/', import.meta.url);

/** Where the scripts of other libs find `snapshot`, which tells the dead from the living. */
export const MEMBERSHIP_INCLUDES = new URL('./scripts/includes/', import.meta.url);

/** The registry as scripts answer it: last epoch issued; epoch, instance, renewals, ..; name, value, .. */
export type RegistryAnswer = [counter: string, living: string[], maxima: string[]];

export const scripts = {
  newEpoch: loadScript<[epoch: string, ...RegistryAnswer]>(folder, 'new-epoch-2'),
  renew: loadScript<RegistryAnswer | [null]>(folder, 'renew-2'),
  fence: loadScript<0 | 1>(folder, 'fence-1'),
  retire: loadScript<1>(folder, 'retire-1'),
  admit: loadScript<[renewals: string | null, durable: string | null, graceOver: string[]]>(folder, 'admit-2'),
  members: loadScript<(string | number)[]>(folder, 'members-2'),
};
