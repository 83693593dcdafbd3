/** Backoff says how long to wait before the next try: doubling from `first` to `most`, each time with some chance in it. Pure but for the dice. */
export const backoff = (tries, first, most, dice = Math.random()) => Math.min(most, first * 2 ** tries) * (0.5 + dice / 2);
