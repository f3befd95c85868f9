/* Starts the console: language and theme first, so that nothing is shown twice, then the pages. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { startLanguage } from './i18n';
import { startTheme } from './state/prefs';
import { loadSession } from './state/session';
import './styles/tokens.css';
import './styles/base.css';
import './styles/buttons.css';
import './styles/signs.css';
import './styles/picture.css';
import './styles/parts.css';
import './styles/dialog.css';
import './styles/shell.css';
import './styles/alerts.css';
import './styles/alertdetail.css';
import './styles/alertpicture.css';
import './styles/alertstory.css';
import './styles/desk.css';
import './styles/flood.css';
import './styles/alertcards.css';
import './styles/pages.css';
import './styles/docs.css';
import './styles/box.css';
import './styles/subnav.css';
import './styles/channels.css';
import './styles/channeltable.css';
import './styles/forms.css';
import './styles/history.css';
import './styles/search.css';
import './styles/import.css';
import './styles/inventory.css';
import './styles/wizard.css';
import './styles/draw.css';
import './styles/rules.css';
import './styles/timetables.css';
import './styles/map.css';
import './styles/shifts.css';
import './styles/print.css';
import './styles/people.css';

startTheme();
startLanguage();
void loadSession();

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
