// Who may import whom: ARCHITECTURE.md §3. `npm run check` fails on any other arrow.
const oneImporter = (name, importers) => ({
  name: `only-${importers.map((i) => i.replace(/^.*\//, '').replace(/\\?\.ts$/, '')).join('-and-')}-imports-${name}`,
  severity: 'error',
  from: { path: '^src/', pathNot: importers.map((i) => `^src/${i.replaceAll('.', '\\.')}$`) },
  to: { path: `node_modules/${name}/` },
});
const folder = (name, allowed) => ({
  name: `${name}-imports-only-${allowed.length ? 'the-ports' : 'itself'}`,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: [`^src/${name}/`, ...allowed] },
});
const ports = ['^src/mail/', '^src/queue/(queue|store|[a-z]+-port)\\.ts$', '^src/delivery/sink\\.ts$', '^src/reply/post\\.ts$', '^src/log\\.ts$', '^src/(metrics|memory|error-text|trusted-file)\\.ts$'];

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'mail-is-pure', severity: 'error', from: { path: '^src/mail/' }, to: { pathNot: ['^src/mail/', '^(node:)?(crypto|buffer|util)$'] } },
    folder('intake', ports),
    folder('reply', ports),
    folder('delivery', ports),
    folder('queue', ['^src/mail/', '^src/log\\.ts$', '^src/(metrics|memory|error-text|trusted-file)\\.ts$']),
    { name: 'adapters-are-wired-in-daemon-and-ctl', severity: 'error', from: { path: '^src/(config|log|metrics)\\.ts$' }, to: { path: '^src/(intake|queue|reply|delivery|control|ctl)/' } },
    { name: 'nothing-imports-the-roots', severity: 'error', from: { path: '^src/', pathNot: '^src/(ctl/|daemon\\.ts$)' }, to: { path: ['^src/(daemon|serve)\\.ts$', '^src/ctl/'] } },
    oneImporter('smtp-server', ['intake/lmtp.ts']),
    oneImporter('mailparser', ['reply/mailparser.ts']),
    oneImporter('parse5', ['reply/html.ts']),
    oneImporter('nodemailer', ['delivery/notice.ts']),
    oneImporter('undici', ['delivery/sinks/http-exchange.ts']),
    oneImporter('pino', ['log.ts']),
    oneImporter('prom-client', ['control/metrics-page.ts']),
    oneImporter('smol-toml', ['config.ts']),
    oneImporter('commander', ['ctl/program.ts']),
    oneImporter('better-sqlite3', ['queue/schema.ts', 'queue/store-error.ts']),
    { name: 'no-orphan-packages', severity: 'error', from: { path: '^src/' }, to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] } },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
