/** The function of the database by which items are settleed. */

/** The SQL that makes it. */
export const SETTLE_SQL = '';
