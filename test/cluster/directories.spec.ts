import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeDirectory, removeDirectory } from './directories.js';

it('directories that come and go leave nothing behind, nor more to do when the process ends', () => {
  const listeners = () => process.listenerCount('exit');
  removeDirectory(makeDirectory());
  const after = listeners();
  for (let round = 0; round < 20; round += 1) {
    const directory = makeDirectory();
    expect(existsSync(directory)).toBe(true);
    removeDirectory(directory);
    expect(existsSync(directory)).toBe(false);
  }
  expect(listeners()).toBe(after);
});
