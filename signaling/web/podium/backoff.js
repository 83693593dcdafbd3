/** Backoff says how long to wait before the next try: doubling from `first` to `most`, each time with some chance in it. Pure but for the dice. */
export const backoff = (tries, first, most, dice = Math.random()) => Math.min(most, first * 2 ** tries) * (0.5 + dice / 2);

/**
 * The same where a server has said when to come back, because it has more to do than it can: never sooner, later with every try, and
 * spread, or all who were told the same would come at once.
 */
export const patience = (told, tries, first, most, dice = Math.random()) =>
  Math.max(told ?? 0, BUSY_MS) * (1 + dice / 4) + backoff(tries, first, most, dice);

const BUSY_MS = 2_000; // a busy server that names no time

/**
 * How long to wait before one asks again at a room that is not open. `told`: when it opens, if that is known. A host may open it
 * sooner, so nobody waits for long; and each waits another time, so that not all come at once when it opens.
 */
export const doorstep = (told, dice = Math.random()) => Math.min(told ?? DOORSTEP_MS, DOORSTEP_MS) + dice * SPREAD_MS;

const DOORSTEP_MS = 5_000;
const SPREAD_MS = 5_000;
