export { FENCE_AFTER_MS, LEASE_MS } from './lease.js';
export { MembershipKeys } from './membership.keys.js';
export { MembershipModule } from './membership.module.js';
export { MEMBERSHIP_INCLUDES } from './membership.scripts.js';
export { Membership, type Member, type ServerChange } from './membership.service.js';
