// The labeller's desk: the few things one can do, each at once here and later at the server.
// No component in here, so that its behaviour can be tested without a browser.
import { fetchItem, fetchMe, postUndo } from "../api";
import { messages } from "../messages";
import { Board } from "./board";
import { ReadingClock } from "./clock";
import { Courier, sendParcel } from "./courier";
import { Drafts, type LocalDraft, NO_DRAFT } from "./drafts";
import { Flow } from "./flow";
import { newKey } from "./ids";
import type { Alone } from "./lock";
import { Outbox, type Parcel } from "./outbox";
import { type DeskState, moved } from "./state";
import type { Shelf } from "./storage";
import { Tabs } from "./tabs";
import { type Step, Trail, weightOf, writtenIn } from "./trail";
import { Voice } from "./voice";
import type { Said, SkipReason } from "../types";

export const AUTO_ADVANCE_MS = 350;

export class Desk {
  readonly board = new Board();
  readonly clock = new ReadingClock();
  readonly #trail = new Trail();
  #voice!: Voice;
  #outbox!: Outbox;
  #courier!: Courier;
  #tabs!: Tabs;
  #flow!: Flow;
  #drafts!: Drafts;
  #advance: ReturnType<typeof setTimeout> | null = null;
  /** One thing at a time; no state, because a second key press must see it at once. */
  #isBusy = true;

  constructor(
    private readonly shelf: Shelf,
    private readonly alone: Alone,
    private readonly isVisible: () => boolean = () => true,
  ) {}

  get state(): DeskState {
    return this.board.state;
  }

  /** Finds out who is there, brings what was left over, and shows the first task. */
  async start(): Promise<void> {
    const me = await this.board.insist(fetchMe);
    if (!me) {
      return;
    }
    const { board, clock, alone, shelf, isVisible } = this;
    const owner = me.id;
    this.#outbox = new Outbox(owner, shelf, alone, sendParcel);
    this.#courier = new Courier(this.#outbox, {
      trouble: (error) => (error ? board.unreachable(error) : board.set({ trouble: null })),
      delivered: (parcel, reply) => this.#delivered(parcel, reply),
      changed: () => this.lookAtOutbox(),
      signedOut: () => board.set({ phase: "signed_out" }),
      broken: (error) => board.broken(error),
    });
    this.#tabs = new Tabs(owner, shelf);
    this.#drafts = new Drafts(owner, shelf, this.#outbox, () => this.#courier.kick());
    this.#flow = new Flow({
      board, clock, outbox: this.#outbox, courier: this.#courier, tabs: this.#tabs,
      alone, owner, isVisible,
    });
    this.#voice = new Voice({
      board, clock, outbox: this.#outbox, courier: this.#courier, drafts: this.#drafts,
      trail: this.#trail,
    });
    board.set({ me });
    this.lookAtOutbox();
    await this.#flow.next();
    this.#isBusy = false;
    if (this.state.phase === "loading") {
      board.set({ phase: "ready" });
    }
  }

  stop(): void {
    clearTimeout(this.#advance ?? undefined);
    this.#courier?.stop();
    this.#tabs?.stop();
    this.#flow?.stop();
    this.board.stop();
  }

  /** Says something about the task shown as number `showing`; false where it was not taken. */
  judge(showing: number, said: Said, comment = ""): boolean {
    const { task, supersedes } = this.state;
    if (this.#isBusy || !task || showing !== this.state.showing) {
      return false;
    }
    const step = this.#voice.say(task, supersedes, said, comment, false);
    if (!step) {
      return false;
    }
    this.board.set({ said, toast: null });
    this.#isBusy = true;
    this.#advance = setTimeout(() => {
      this.#advance = null;
      this.#leave(step.key, messages.toast.saving);
    }, AUTO_ADVANCE_MS);
    return true;
  }

  /** A better text for one of the answers; the task itself stays open. */
  suggest(text: string, place: number): boolean {
    const { task } = this.state;
    if (this.#isBusy || !task) {
      return false;
    }
    const step = this.#voice.say(task, null, { kind: "correction", text, place }, "", true);
    if (step) {
      this.board.toast(messages.toast.saving, step.key);
    }
    return step !== null;
  }

  /** Skips the task or flags it. */
  remark(what: "skip" | "flag", reason: SkipReason, comment = ""): boolean {
    const { task } = this.state;
    if (this.#isBusy || !task) {
      return false;
    }
    const key = newKey();
    const body = { item_id: task.item_id, what, reason, comment, idempotency_key: key };
    if (!this.#voice.put({ what: "remark", body })) {
      return false;
    }
    const nothing = { supersedes: null, said: null, isAside: false };
    this.#trail.push({ what: "remark", key, task, comment, ...nothing });
    this.#drafts.forget(task.item_id);
    this.#courier.kick();
    this.#leave(key, what === "skip" ? messages.toast.skipped : messages.toast.flagged);
    return true;
  }

  /** Takes the last step back; without one in this tab, the last judgment the server knows. */
  async undo(): Promise<void> {
    if (this.#advance !== null) {
      clearTimeout(this.#advance);
      this.#advance = null;
      this.#isBusy = false;
    }
    if (this.#isBusy) {
      return;
    }
    this.#isBusy = true;
    try {
      const step = this.#trail.pop();
      await (step ? this.#takeBack(step) : this.#undoElsewhere());
    } catch (error) {
      this.board.tell(error);
    } finally {
      this.#isBusy = false;
    }
  }

  /** What was begun about the task on screen. */
  draft(): LocalDraft {
    return this.state.task ? this.#drafts.of(this.state.task) : NO_DRAFT;
  }

  keepDraft(draft: LocalDraft): void {
    if (this.state.task && !this.#isBusy) {
      this.#voice.orSayFull(() => this.#drafts.keep(this.state.task?.item_id ?? "", draft));
    }
  }

  /** Puts a past judgment's task on screen; false where it could not be had. */
  async revise(itemId: string): Promise<boolean> {
    if (this.#isBusy) {
      return false;
    }
    this.#isBusy = true;
    try {
      const task = await fetchItem(itemId);
      this.#flow.putBack();
      this.#flow.show(task, task.given?.judgment_id ?? null);
      return true;
    } catch (error) {
      this.board.tell(error);
      return false;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Leaves a past judgment as it is. */
  stopRevising(): void {
    if (this.state.supersedes !== null && !this.#isBusy) {
      void this.#flow.next();
    }
  }

  /** The same task comes into view again: it is read anew. */
  reshow(): void {
    if (this.state.task && !this.#isBusy) {
      this.#flow.show(this.state.task, this.state.supersedes);
    }
  }

  /** Resolves when everything that waited has reached the server. */
  settled(): Promise<void> {
    return this.#courier.settled();
  }

  dismissReturned(key: string): void {
    this.#outbox.dismiss(key);
    this.lookAtOutbox();
  }

  /** Also when another tab has changed it. */
  lookAtOutbox(): void {
    this.#voice.look();
  }

  setVisible(isVisible: boolean): void {
    this.clock.setVisible(isVisible);
    if (isVisible) {
      this.#flow?.renew();
    }
  }

  /** On to the next task; the toast says what is known of the last one. */
  #leave(key: string, text: string): void {
    const { trouble, returned } = this.state;
    const isSent = !this.#outbox.has(key);
    if (!returned.some((one) => one.key === key)) {
      const said = isSent && text === messages.toast.saving ? messages.toast.saved : text;
      this.board.toast(trouble && !isSent ? messages.toast.kept : said, key);
    }
    this.#isBusy = false;
    void this.#flow.next();
  }

  async #takeBack(step: Step): Promise<void> {
    const neverLeft = await this.#outbox.takeBack(step.what, step.key);
    this.#courier.kick();
    this.lookAtOutbox();
    this.board.set({ progress: moved(this.state.progress, -weightOf(step)) });
    const written = writtenIn(step);
    if (written.text || written.comment) {
      this.#drafts.keep(step.task.item_id, written);
    }
    const { task } = this.state;
    if (task?.item_id !== step.task.item_id) {
      this.#flow.putBack();
    }
    if (!step.isAside || task?.item_id !== step.task.item_id) {
      // What it replaced counts again only where the server never heard of the change.
      this.#flow.show(step.task, neverLeft ? step.supersedes : null);
    }
    this.board.toast(messages.toast.takenBack);
  }

  async #undoElsewhere(): Promise<void> {
    if (this.state.trouble) {
      this.board.toast(messages.toast.undoNeedsServer);
      return;
    }
    await this.#courier.settled();
    const task = await postUndo({ idempotency_key: newKey() });
    this.board.set({ progress: moved(this.state.progress, -1) });
    this.#flow.putBack();
    this.#flow.show(task, null);
    this.board.toast(messages.toast.takenBack);
  }

  #delivered(parcel: Parcel, reply: unknown): void {
    if (parcel.what === "judgment") {
      const { notice } = reply as { notice: string | null };
      if (notice) {
        this.board.set({ notice });
      }
      const { toast } = this.state;
      if (toast?.key === parcel.body.idempotency_key && toast.canUndo) {
        this.board.set({ toast: { ...toast, text: messages.toast.saved } });
      }
    }
    this.lookAtOutbox();
  }
}
