// A node whose clock on the wall is set: each SIGUSR2 moves it to the next of these offsets.
const HOUR = 3_600_000;
const OFFSETS = [HOUR, -HOUR, 1500, -1500, 24 * HOUR, 0, -30 * 24 * HOUR, 300];

const RealDate = Date;
let offset = 0;
let steps = 0;

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + offset);
    else super(...args);
  }

  static now() {
    return RealDate.now() + offset;
  }
};

process.on('SIGUSR2', () => {
  offset = OFFSETS[steps % OFFSETS.length];
  steps += 1;
});
