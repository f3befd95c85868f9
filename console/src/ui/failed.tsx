/* A page whose thing did not come: it is not there, or the gateway could not be asked. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ApiError } from '../api/client';
import { errorText } from '../lib/words';
import { Blank } from './parts';

export function Failed({ title, error, retry }: { title: string; error: unknown; retry: () => unknown }) {
  const { t } = useTranslation();
  return (
    <Blank icon="misconfigured" title={title} tone="bad">
      <p>{errorText(t, error)}</p>
      <button type="button" className="button" onClick={() => void retry()}>
        {t('error.retry')}
      </button>
    </Blank>
  );
}

/** `missing` where there is no such thing, `failed` where that is not known; `back` leads to all of them. */
export function NotThere({ error, missing, failed, retry, back }: { error: unknown; missing: string; failed: string; retry: () => unknown; back: { to: string; text: string } }) {
  if (!(error instanceof ApiError && error.status === 404)) return <Failed title={failed} error={error} retry={retry} />;
  return (
    <Blank icon="search" title={missing} tone="bad">
      <Link className="button" to={back.to}>
        {back.text}
      </Link>
    </Blank>
  );
}
