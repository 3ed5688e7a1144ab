/**
 * Who rings for the other hosts: the ports whose work makes something due that this host does not begin by itself.
 *
 * Contract: the bell is rung after the commit, and its answer waited for by nobody.
 */
import type { Acceptance } from '../acceptance.ts';
import type { Desk } from '../desk.ts';
import type { Leases } from '../leases.ts';

/** The ports, as far as they make something due. */
type Ports = Acceptance & Pick<Leases, 'settle'> & Pick<Desk, 'operate' | 'setPaused'>;

/** Gives the ports with the bell. */
export function ringing(ports: Ports, ring: () => void): Ports {
  return {
    accept: async (items, raw, lease, receipt) => {
      const result = await ports.accept(items, raw, lease, receipt);
      if (result.kind === 'committed') {
        const queued = result.acceptances.filter(({ kind }) => kind === 'queued').length;
        if (queued > result.leased.length) ring();
      }
      return result;
    },
    settle: async (settles) => {
      const isDue = await ports.settle(settles);
      // What waits until later is nobody's now.
      if (isDue && settles.some(({ settlement }) => settlement.kind !== 'deferred')) ring();
      return isDue;
    },
    operate: async (action, id, now) => {
      const result = await ports.operate(action, id, now);
      if (result.kind === 'done') ring();
      return result;
    },
    setPaused: async (paused) => {
      await ports.setPaused(paused);
      if (!paused) ring();
    },
  };
}
