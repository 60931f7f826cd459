import { Chip, type Tone } from "../ui/chip";

export const modes: Record<string, { word: string; meaning: string; tone: Tone }> = {
  audit: { word: "Audit", meaning: "Observes and records; changes nothing", tone: "neutral" },
  ask: { word: "Ask", meaning: "Proposes; changes what a person approved", tone: "accent" },
  enforce: { word: "Enforce", meaning: "Changes what a signed rule allows", tone: "accent" },
};

export function ModeChip({ mode }: { mode: string }) {
  const words = modes[mode];
  return (
    <Chip tone={words?.tone ?? "neutral"} tip={words?.meaning ?? "A mode that this version does not know"}>
      {words?.word ?? mode}
    </Chip>
  );
}
