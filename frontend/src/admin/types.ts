// The contract's shapes under the names that the admin pages use.
import type * as contract from "../contract";

export type * from "../contract";
export type Said = contract.AdminJudgment["said"];
export type Kind = contract.ItemReply["kind"];
export type Choice = contract.PairSaid["choice"];
export type ItemState = contract.ItemSummary["state"][number];
export type Role = contract.PersonInfo["role"];
export type CurveGroup = contract.Curve["group"];
export type Me = contract.MeReply;
