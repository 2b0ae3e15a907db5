/**
 * The environment for a process that this one starts.
 * @param changes variables that are different there; undefined takes one away
 * @returns the environment of this process with the changes
 */
export function childEnvironment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...process.env, ...changes };
}
