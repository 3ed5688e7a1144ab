/** A step of what brings a Postfix to what a configuration needs. */
import type { Setting } from './merge.ts';

/** One thing to do, and why. */
export type PlanStep = { readonly why: string } & (
  | { readonly kind: 'setting'; readonly setting: Setting }
  | { readonly kind: 'command'; readonly command: string }
  | { readonly kind: 'remark' }
);
