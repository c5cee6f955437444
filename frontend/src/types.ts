// Short names for what the contract spells out inside its shapes.
import type { JudgmentRequest, MeReply, PairSaid, RemarkRequest } from "./contract";

export type Kind = MeReply["question"]["kind"];
export type Choice = PairSaid["choice"];
export type Question = MeReply["question"];
export type Said = JudgmentRequest["said"];
export type SkipReason = RemarkRequest["reason"];
