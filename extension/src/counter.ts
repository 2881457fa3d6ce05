/** Counts of what was refused or dropped. */

/** Numbers by name. */
export class Counter {
  readonly counts: Record<string, number> = {};

  add(name: string, number = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + number;
  }
}
