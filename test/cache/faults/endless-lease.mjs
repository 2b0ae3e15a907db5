// A node with a known fault: it does not look at its deadline, so it answers from memory until others tell it off.
import { Lease } from '../../../dist/libs/membership/lease.js';

Lease.prototype.stands = () => true;
Lease.prototype.lapsed = () => false;
