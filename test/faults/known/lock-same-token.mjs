// A known fault: within a second tokens repeat.
import { rewrite } from './lock.scripts.mjs';

rewrite('highest = math.max(former, FLOOR, micros(), highest) + 1', 'highest = math.floor(micros() / 1e6) * 1e6');
