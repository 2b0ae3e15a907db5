import { readTable } from './settings.js';
import { integer, redisUrl, text } from './setting.forms.js';

/** What `npm start` reads beside the settings that it hands on to its nodes. */
export const localClusterTable = {
  REDIS_URL: redisUrl({
    default: undefined,
    desc: 'A Redis that runs already; one of its own unless given.',
  }),
  LOCAL_CLUSTER_PORT: integer(
    1,
    65_000,
  )({
    default: 8001,
    desc: 'TCP port of the first node; the others follow it.',
  }),
  LOCAL_CLUSTER_NODES: integer(1, 9)({ default: 3, desc: 'How many nodes: node1, node2, ..' }),
  LOCAL_CLUSTER_DATA: text(
    /^.+$/,
    'a folder',
  )({
    default: '.data',
    desc: 'Folder for the data of the Redis of its own.',
  }),
};

export type LocalClusterSettings = Readonly<ReturnType<typeof readLocalClusterSettings>>;

/**
 * Reads and checks the settings of the local cluster.
 * @param environment variables by name; this process's unless given
 * @throws InvalidSettings
 */
export function readLocalClusterSettings(environment: NodeJS.ProcessEnv = process.env) {
  return readTable(environment, localClusterTable);
}
