// Offsets of the service count code points, those of JavaScript UTF-16 units, where an emoji is two.

/** The offsets of one text in both counts. */
export class Offsets {
  constructor(text) {
    this.length = text.length;
    // Without surrogates both counts are the same, and nothing is kept.
    this.units = /[\ud800-\udfff]/.test(text) ? unitsOf(text) : null;
  }

  /** From code points to units. */
  toUnit(point) {
    return this.units ? this.units[Math.min(point, this.units.length - 1)] : point;
  }

  /** From units to code points; within a pair the point before it, or the one behind it. */
  toPoint(unit, behind = false) {
    if (!this.units) return unit;
    let low = 0;
    let high = this.units.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.units[middle] < unit) low = middle + 1;
      else high = middle;
    }
    return this.units[low] > unit && !behind ? low - 1 : low;
  }
}

/** Where each code point begins, in units, and the end. */
function unitsOf(text) {
  const units = [];
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) {
    units.push(unit);
  }
  return Uint32Array.from([...units, text.length]);
}
