// Which two steps are compared, and what was answered at each.
import type { GlimpseInfo, Watched } from "../types";

/** Every step at which any prompt was answered, in order. */
export function stepsOf(prompts: readonly Watched[]): number[] {
  const steps = prompts.flatMap((prompt) => prompt.answers.map((answer) => answer.step));
  return [...new Set(steps)].sort((a, b) => a - b);
}

/** The answer at a step, or the last one before it; null where there is none yet. */
export function answerAt(answers: readonly GlimpseInfo[], step: number): GlimpseInfo | null {
  return answers.filter((answer) => answer.step <= step).at(-1) ?? null;
}
