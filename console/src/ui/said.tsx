/* A sentence of the gateway's: in the operator's language where it is known, else as a quotation of the gateway. */
import { useTranslation } from 'react-i18next';
import { saidText } from '../lib/said';

export function Said({ text, className }: { text: string; className?: string }) {
  const { t } = useTranslation();
  const said = saidText(t, text);
  if (!said) return null;
  return (
    <span className={className} lang={said.own ? 'en' : undefined} title={said.text === text ? undefined : text}>
      {said.text}
    </span>
  );
}
