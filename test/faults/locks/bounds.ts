/** What the nodes promise about time, by the defaults of their settings, and what the judge allows on top, ms. */
export const REDIS_TIMEOUT_MS = 1000;
export const OFFER_MS = 2000;
/** The slow check comes every second ± 25 %. */
export const CHECK_MS = 1250;
/** Others know of a grant after two renewals of a process's lease (600 ms). */
export const SHARED_MS = 1000;
/** A node that fell silent is given up on after about two seconds. */
export const DEAD_MS = 5000;
/** What a busy machine may add. */
export const SLACK_MS = 2000;
/** A node is looked at a little longer after something was wrong with it. */
export const RECOVERY_MS = 1500;
/** Redis counts whole milliseconds, and two clocks go at two speeds. */
export const CLOCK_MS = 5;
