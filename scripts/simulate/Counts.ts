/** How often things happened: plain numbers by group and name, which add up over runs. */
export class Counts {
  readonly groups = new Map<string, Map<string, number>>()

  add(group: string, name: string, count = 1): void {
    const names = this.groups.get(group) ?? new Map<string, number>()
    this.groups.set(group, names)
    names.set(name, (names.get(name) ?? 0) + count)
  }

  addAll(other: Counts): void {
    for (const [group, names] of other.groups) {
      for (const [name, count] of names) this.add(group, name, count)
    }
  }

  get(group: string, name: string): number {
    return this.groups.get(group)?.get(name) ?? 0
  }

  total(group: string): number {
    return [...this.groups.get(group)?.values() ?? []].reduce((sum, count) => sum + count, 0)
  }
}
