// A known fault: within a second tokens repeat.
import { rewrite } from './lock.scripts.mjs';

rewrite(
  'lock.token = math.max(lock.token, FLOOR, lock.micros, highest) + 1',
  'lock.token = math.floor(lock.micros / 1e6) * 1e6',
);
