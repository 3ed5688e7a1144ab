/** The findings of a store's self-examination, by whatever adapter. */

/** A problem that a check found: the rule's name and where. */
export interface StoreProblem {
  readonly rule:
    | 'integrity'
    | 'schema'
    | 'foreign-keys'
    | 'head'
    | 'content'
    | 'columns'
    | 'dedupe'
    | 'users';
  readonly detail: string;
}

/** The findings of a check. */
export interface StoreCheck {
  readonly items: number;
  readonly problems: readonly StoreProblem[];
}

/** Most offenders that are named of one rule. */
export const MOST_NAMED = 20;
