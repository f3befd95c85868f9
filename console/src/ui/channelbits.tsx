/* What a row and a card say alike of a channel. */
import { useTranslation } from 'react-i18next';
import type { Channel, ConditionKind } from '../api/channel';
import { codecText } from '../lib/words';
import { Icon } from './icons';

export function videoText(c: Channel): string {
  const { codec, width, height } = c.health;
  return [codecText(codec), width > 0 && height > 0 ? `${width}×${height}` : null].filter((x) => x !== null).join(' · ');
}

export function ConditionChip({ kind, since }: { kind: ConditionKind; since?: string }) {
  const { t } = useTranslation();
  return (
    <span className="condition" title={[t(`conditionHint.${kind}`), since].filter(Boolean).join(' ')} data-condition={kind}>
      <Icon name={kind} />
      {t(`condition.${kind}`)}
    </span>
  );
}

export function Tags({ tags }: { tags: readonly string[] }) {
  if (tags.length === 0) return null;
  return (
    <span className="tags">
      {tags.map((tag) => (
        <span key={tag} className="tag">
          {tag}
        </span>
      ))}
    </span>
  );
}
