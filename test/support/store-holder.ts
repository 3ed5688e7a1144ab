// A daemon's store in a process of its own, for tests that kill it or let it sleep: URL HOST BEAT_MS DEAD_MS.
//
// Contract: it leases what is due, says so in a line for each item, and then "holds". SIGUSR2 has it settle all of that as
// posted, and say whether the others still count on it. SIGTERM closes the store. Whoever takes over its name is told
// by "broken", and ends it.

import { openPostgresStore } from '../../src/store/postgres/store.ts';

const [url = '', host = '', beatMs, deadMs] = process.argv.slice(2);

const store = await openPostgresStore({
  url,
  host,
  mode: 'daemon',
  hostTimes: { beatMs: Number(beatMs), deadMs: Number(deadMs) },
  onBroken: ({ message }) => {
    console.log(`broken ${message}`);
    process.exit(3);
  },
});
const leased = await store.lease({ now: Date.now(), leaseMs: 600_000, limit: 100 });
for (const { id, attempts } of leased) console.log(`leased ${id} ${attempts}`);

process.on('SIGUSR2', () => {
  const settlement = { kind: 'posted', at: Date.now() } as const;
  const settles = leased.map(({ id, attempts }) => ({ id, attempts, settlement }));
  void store.settle(settles).then(() => {
    console.log(`settled ${store.isPresent() ? 'present' : 'absent'}`);
  });
});
process.on('SIGTERM', () => {
  void store.close().then(() => process.exit(0));
});
setInterval(() => undefined, 60_000);
console.log('holds');
