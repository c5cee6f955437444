// Time that somebody could have been reading: it stands while the page is hidden.

export class ReadingClock {
  #before = 0;
  #since: number | null = null;

  /** From zero, running or standing. */
  restart(isVisible: boolean): void {
    this.#before = 0;
    this.#since = isVisible ? performance.now() : null;
  }

  setVisible(isVisible: boolean): void {
    if (isVisible) {
      this.#since ??= performance.now();
    } else {
      this.#before = this.milliseconds;
      this.#since = null;
    }
  }

  get milliseconds(): number {
    const running = this.#since === null ? 0 : performance.now() - this.#since;
    return Math.round(this.#before + running);
  }
}
