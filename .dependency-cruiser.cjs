// Who may import whom: the floors of .ci/rooms.json. `npm run check` fails on an arrow upward or sideways, on a
// circle, and on a room that stands on no floor.

/** From the ground up: a room imports rooms of lower floors, and what `BESIDE` names on its own. */
const FLOORS = require('./.ci/rooms.json').map((floor) => Object.keys(floor));

/** The arrows between rooms of one floor. */
const BESIDE = { store: ['observe'], ctl: ['api'] };

/** Inside a room: a folder, or each of its folders, and what of its room it sees. */
const INSIDE = [
  ['reply/mime', []],
  ['reply/text', []],
  ['reply/html', ['reply/text/']],
  ['sources/([^/]+)', ['sources/[^/]+\\.ts$']],
  ['sinks/([^/]+)', ['sinks/[^/]+\\.ts$', 'sinks/platform/']],
];

/** Rooms that see only the ports of the store and of the reply, never an adapter or a parser. */
const PORTS_ONLY = ['gate', 'sinks', 'sources', 'outbound', 'delivery', 'notices'];

/** What of the reply everybody sees: the port. Sinks write texts with what makes text inert and tells what was left out. */
const SEEN_OF_REPLY = { sinks: 'post|escape|dropped|html/markdown-escape' };

/** A package and its importers. */
const IMPORTERS = {
  'smtp-server': ['sources/lmtp-server'],
  mailparser: ['reply/mime/mailparser'],
  parse5: ['reply/html/html'],
  nodemailer: ['outbound/mail-server'],
  undici: ['sinks/http-exchange'],
  '@fastify/busboy': ['sources/webhook/form'],
  pino: ['observe/log'],
  'prom-client': ['observe/metrics-page'],
  'smol-toml': ['config/config'],
  commander: ['ctl/program'],
  pg: ['store/postgres/(connection|bell)'],
  'better-sqlite3': ['store/sqlite/schema', 'store/sqlite/explain'],
};

const rooms = FLOORS.flat();
const error = (name, from, to) => ({ name, severity: 'error', from, to });

const floorRules = FLOORS.flatMap((floor, at) =>
  floor.map((room) => {
    const below = [room, ...FLOORS.slice(0, at).flat(), ...(BESIDE[room] ?? [])];
    return error(
      `${room}-imports-lower-floors`,
      { path: `^src/${room}/` },
      { path: '^src/', pathNot: `^src/(${below.join('|')})/` },
    );
  }),
);
const insideRules = INSIDE.map(([folder, seen]) =>
  error(
    `${folder.replace('/([^/]+)', '').replace('/', '-')}-stands-alone`,
    { path: `^src/${folder}/` },
    {
      path: `^src/${folder.split('/')[0]}/`,
      // $1 is the folder that the importer is in.
      pathNot: [`^src/${folder.replace('([^/]+)', '$1')}/`, '^src/reply/post\\.ts$', ...seen.map((path) => `^src/${path}`)],
    },
  ),
);
const portRules = PORTS_ONLY.map((room) =>
  error(
    `${room}-sees-ports`,
    { path: `^src/${room}/` },
    { path: '^src/(store/[^/]+/|reply/)', pathNot: `^src/reply/(${SEEN_OF_REPLY[room] ?? 'post'})\\.ts$` },
  ),
);
const importerRules = Object.entries(IMPORTERS).map(([name, importers]) =>
  error(
    `${name}-has-one-importer`,
    { path: '^src/', pathNot: `^src/(${importers.join('|')})\\.ts$` },
    { path: `node_modules/${name}/` },
  ),
);

module.exports = {
  forbidden: [
    error('no-cycles', {}, { circular: true }),
    error('every-room-has-a-floor', { path: '^src/', pathNot: `^src/(${rooms.join('|')})/` }, {}),
    error(
      'mail-is-pure',
      { path: '^src/mail/' },
      { pathNot: ['^src/mail/', '^(node:)?(crypto|buffer|util)$'] },
    ),
    error(
      'adapters-are-opened-by-site',
      { path: '^src/', pathNot: '^src/(store|site|daemon|ctl)/' },
      { path: '^src/store/[^/]+/' },
    ),
    ...floorRules,
    ...insideRules,
    ...portRules,
    ...importerRules,
    error('no-orphan-packages', { path: '^src/' }, { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] }),
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
