// A node with a known fault: it answers from its memory although its lease has run out.
import { Membership } from '../../../dist/libs/membership/index.js';

Membership.prototype.leaseStands = () => true;
