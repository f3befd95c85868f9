/* An address that means nothing. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Blank } from '../ui/parts';

export default function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <Blank icon="search" title={t('error.notFoundTitle')}>
      <Link className="button" to="/">
        {t('error.home')}
      </Link>
    </Blank>
  );
}
