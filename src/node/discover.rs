//! Searches and probes that people start in the console: jobs with an owner, bounded in number and kept for minutes.
//!
//! Only who started a job sees it, whatever others may do. A login comes from the request or from a configured
//! credential, whose password is read here and goes down to the device, never back.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::looks::Looks;
use crate::{
    config::{Config, validate},
    decode::DecodeLimits,
    discover::{
        DiscoverAsk, DiscoverRun, DiscoverView, Login, ProbeAsk, ProbeRun, ProbeView, brands, probe::Target, ranges,
        scan, scan::Whom, ws,
    },
    node::Inner,
    types::{ChannelId, Clock, CredentialId, Mono, Secret, UserId},
    web::{
        auth::DiscoveryProof,
        ports::discover::{DiscoverKind, DiscoverRequest, Discovery, ProbeRequest, StartError, Started},
    },
};

/// Probes and searches that may run at one time.
const PROBES: usize = 8;
const SEARCHES: usize = 2;
/// Jobs that are kept, ended ones included; the oldest ended goes first.
const KEPT: usize = 32;
/// An ended job is kept this long.
const KEEP_MS: u64 = 5 * 60_000;
const BROKE_OFF: &str = "it broke off; see the gateway's log";

struct Job<T> {
    id: Uuid,
    owner: UserId,
    run: Arc<T>,
    ended: Arc<AtomicBool>,
    /// When it was first seen to have ended.
    ended_at: Option<Mono>,
    task: AbortHandle,
}

/// Jobs of one kind.
struct Jobs<T> {
    most: usize,
    jobs: Mutex<Vec<Job<T>>>,
}

/// Says that a job has ended, also when its task panics or is aborted.
struct Ends(Arc<AtomicBool>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

impl<T: Default + Send + Sync + 'static> Jobs<T> {
    fn new(most: usize) -> Self {
        Self { most, jobs: Mutex::default() }
    }

    /// Starts a job, if one more may run.
    fn start<F>(&self, owner: &UserId, now: Mono, work: impl FnOnce(Arc<T>) -> F) -> Option<Uuid>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut jobs = self.jobs.lock();
        sweep(&mut jobs, now);
        if jobs.iter().filter(|j| j.ended_at.is_none()).count() >= self.most {
            return None;
        }
        while jobs.len() >= KEPT {
            let oldest = jobs.iter().position(|j| j.ended_at.is_some())?;
            jobs.remove(oldest);
        }
        let (id, run, ended) = (Uuid::new_v4(), Arc::<T>::default(), Arc::new(AtomicBool::new(false)));
        let ends = Ends(ended.clone());
        let work = work(run.clone());
        let task = tokio::spawn(async move {
            let _ends = ends;
            work.await;
        });
        jobs.push(Job { id, owner: owner.clone(), run, ended, ended_at: None, task: task.abort_handle() });
        Some(id)
    }

    /// The owner's job, and whether its task has ended.
    fn get(&self, owner: &UserId, id: Uuid, now: Mono) -> Option<(Arc<T>, bool)> {
        let mut jobs = self.jobs.lock();
        sweep(&mut jobs, now);
        let job = jobs.iter().find(|j| j.id == id && j.owner == *owner)?;
        Some((job.run.clone(), job.ended_at.is_some()))
    }
}

fn sweep<T>(jobs: &mut Vec<Job<T>>, now: Mono) {
    for job in jobs.iter_mut().filter(|j| j.ended_at.is_none() && j.ended.load(Relaxed)) {
        job.ended_at = Some(now);
    }
    jobs.retain(|j| j.ended_at.is_none_or(|at| now.since_ms(at) < KEEP_MS));
}

impl<T> Drop for Jobs<T> {
    fn drop(&mut self) {
        self.jobs.get_mut().iter().for_each(|j| j.task.abort());
    }
}

/// The port of the web stage.
pub struct Jobsite {
    inner: Arc<Inner>,
    probes: Jobs<ProbeRun>,
    searches: Jobs<DiscoverRun>,
}

impl Jobsite {
    pub fn new(inner: Arc<Inner>) -> Self {
        Self { inner, probes: Jobs::new(PROBES), searches: Jobs::new(SEARCHES) }
    }
}

impl Discovery for Jobsite {
    fn probe<'a>(
        &'a self,
        proof: &'a DiscoveryProof,
        request: ProbeRequest,
    ) -> BoxFuture<'a, Result<Started, StartError>> {
        async move {
            let config = self.inner.config.load_full();
            let target = target(&request, config.ingest.allow_loopback).map_err(StartError::Invalid)?;
            let given = (request.username, request.password);
            let login = login(config.clone(), given, request.credential).await.map_err(StartError::Invalid)?;
            let allow_loopback = config.ingest.allow_loopback;
            let transport = request.transport.unwrap_or_default();
            let ask = ProbeAsk { target, login, transport, allow_loopback };
            let limits = DecodeLimits { max_pixels: u64::from(config.decode.max_pixels) };
            let quality = config.evidence.jpeg_quality;
            let looks = Looks::new(limits, quality, allow_loopback, config.sample.patrol_floor_s);
            let clock = self.inner.clock;
            let begun = self.probes.start(proof.author(), clock.mono(), |run| async move {
                run.run(ask, &looks, clock).await;
            });
            let id =
                begun.ok_or_else(|| StartError::Busy(format!("{PROBES} probes run already; wait for one to end")))?;
            metrics::counter!("skyeye_discover_probes_total").increment(1);
            Ok(Started { id })
        }
        .boxed()
    }

    fn probed(&self, proof: &DiscoveryProof, id: Uuid) -> Option<ProbeView> {
        let (run, ended) = self.probes.get(proof.author(), id, self.inner.clock.mono())?;
        let mut view = run.view();
        if ended && !view.done {
            (view.done, view.error) = (true, Some(BROKE_OFF.into()));
        }
        Some(view)
    }

    fn picture(&self, proof: &DiscoveryProof, id: Uuid, stream: usize) -> Option<Bytes> {
        self.probes.get(proof.author(), id, self.inner.clock.mono())?.0.picture(stream)
    }

    fn discover<'a>(
        &'a self,
        proof: &'a DiscoveryProof,
        request: DiscoverRequest,
    ) -> BoxFuture<'a, Result<Started, StartError>> {
        async move {
            let config = self.inner.config.load_full();
            let allow_loopback = config.ingest.allow_loopback;
            let whom = whom(&request, allow_loopback).map_err(StartError::Invalid)?;
            let given = (request.username, request.password);
            let login = login(config, given, request.credential).await.map_err(StartError::Invalid)?;
            let group = SocketAddr::from((ws::GROUP, ws::PORT));
            let ask = DiscoverAsk { whom, ports: request.ports, login, allow_loopback, group };
            let clock: Clock = self.inner.clock;
            let begun = self.searches.start(proof.author(), clock.mono(), |run| async move {
                run.run(ask, clock).await;
            });
            let busy = || StartError::Busy(format!("{SEARCHES} searches run already; wait for one to end"));
            let id = begun.ok_or_else(busy)?;
            metrics::counter!("skyeye_discover_searches_total").increment(1);
            Ok(Started { id })
        }
        .boxed()
    }

    fn discovered(&self, proof: &DiscoveryProof, id: Uuid) -> Option<DiscoverView> {
        let (run, ended) = self.searches.get(proof.author(), id, self.inner.clock.mono())?;
        let mut view = run.view();
        if ended && !view.done {
            (view.done, view.error) = (true, Some(BROKE_OFF.into()));
        }
        let config = self.inner.config.load();
        for found in &mut view.found {
            found.known = at(&config, &found.address);
        }
        Some(view)
    }
}

/// Channels that are configured at an address.
pub fn at(config: &Config, address: &str) -> Vec<ChannelId> {
    let same = |url: &str| {
        let Ok(url) = url::Url::parse(url) else { return false };
        url.host_str().is_some_and(|h| h.trim_matches(['[', ']']) == address)
    };
    config.channel.iter().filter(|c| same(&c.url)).map(|c| c.id.clone()).collect()
}

fn target(request: &ProbeRequest, allow_loopback: bool) -> Result<Target, String> {
    let channel = request.channel_no.unwrap_or(1);
    if !(1..=4096).contains(&channel) {
        return Err("channel_no counts from 1".into());
    }
    match (&request.url, &request.host) {
        (Some(_), Some(_)) => Err("url and host exclude each other; give one of them".into()),
        (Some(url), None) => {
            let url = validate::camera_address(url, allow_loopback).map_err(|why| {
                let login = why.contains("[[credential]]");
                if login {
                    "the url holds a user or password; give username and password instead".into()
                } else {
                    format!("the url {why}")
                }
            })?;
            Ok(Target::Url(url))
        }
        (None, Some(host)) => {
            let brand = match request.brand.as_deref().filter(|b| !b.is_empty()) {
                Some(name) => Some(brands::find(name).ok_or("no brand has this id; GET /api/v1/brands lists them")?),
                None => None,
            };
            if brand.is_none() && request.onvif == Some(false) {
                return Err("without ONVIF a host needs a brand; or give the url of its stream".into());
            }
            Ok(Target::Host {
                name: host.clone(),
                port: request.port.unwrap_or(0),
                onvif: request.onvif,
                brand,
                channel,
            })
        }
        (None, None) => Err("give the url of a stream, or the host of a device".into()),
    }
}

fn whom(request: &DiscoverRequest, allow_loopback: bool) -> Result<Whom, String> {
    if request.ports.len() > scan::MAX_PORTS || request.ports.contains(&0) {
        return Err(format!("ports holds at most {} ports, from 1", scan::MAX_PORTS));
    }
    match (request.kind, &request.addresses) {
        (DiscoverKind::Ws, None) => Ok(Whom::Network { interface: request.interface }),
        (DiscoverKind::Ws, Some(_)) => Err("addresses go with kind list".into()),
        (DiscoverKind::List, None) => Err("kind list needs addresses, e.g. \"10.1.0.0/24, 10.2.0.5-9\"".into()),
        (DiscoverKind::List, Some(text)) => ranges::addresses(text, allow_loopback).map(Whom::List),
    }
}

/// From the request, or of a configured credential.
async fn login(
    config: Arc<Config>,
    given: (Option<String>, Option<Secret>),
    credential: Option<CredentialId>,
) -> Result<Option<Login>, String> {
    match (given, credential) {
        ((None, None), None) => Ok(None),
        ((Some(user), password), None) => {
            let password = password.unwrap_or_default();
            if user.len() > 128 || password.expose().len() > 256 {
                return Err("username has at most 128 and password at most 256 bytes".into());
            }
            Ok(Some(Login { user, password }))
        }
        ((None, Some(_)), None) => Err("password needs a username".into()),
        ((None, None), Some(id)) => {
            let read = tokio::task::spawn_blocking(move || {
                let found = config.credential.iter().find(|c| c.id == id);
                let found = found.ok_or_else(|| format!("no credential has the id '{id}'"))?;
                let password =
                    found.read_password().map_err(|e| format!("the password of '{id}' cannot be read: {e}"))?;
                Ok(Some(Login { user: found.username.clone(), password }))
            });
            read.await.unwrap_or_else(|e| Err(format!("the credential cannot be read: {e}")))
        }
        (_, Some(_)) => Err("credential and username exclude each other; give one of them".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_are_bounded_owned_and_forgotten() {
        let jobs: Jobs<()> = Jobs::new(2);
        let (ann, bob) = (UserId::new("ann").unwrap(), UserId::new("bob").unwrap());
        let (open, gate) = tokio::sync::watch::channel(false);
        let wait = |mut gate: tokio::sync::watch::Receiver<bool>| async move {
            gate.wait_for(|open| *open).await.ok();
        };
        let first = jobs.start(&ann, Mono(0), |_| wait(gate.clone())).unwrap();
        assert!(jobs.start(&ann, Mono(0), |_| wait(gate.clone())).is_some());
        assert_eq!(jobs.start(&bob, Mono(0), |_| wait(gate.clone())), None, "as many run as may");
        assert!(jobs.get(&ann, first, Mono(1)).is_some_and(|(_, ended)| !ended));
        assert!(jobs.get(&bob, first, Mono(1)).is_none(), "another's job is none");
        open.send(true).unwrap();
        while !jobs.get(&ann, first, Mono(2)).unwrap().1 {
            tokio::task::yield_now().await;
        }
        assert!(jobs.get(&ann, first, Mono(2 + KEEP_MS)).is_none());
        for n in 0..100 {
            let id = jobs.start(&bob, Mono(n), |_| async {}).unwrap();
            while !jobs.get(&bob, id, Mono(n)).unwrap().1 {
                tokio::task::yield_now().await;
            }
            assert!(jobs.jobs.lock().len() <= KEPT);
        }
        let broken = jobs.start(&bob, Mono(0), |_| async { panic!("as a bug would") }).unwrap();
        while !jobs.get(&bob, broken, Mono(0)).unwrap().1 {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn requests_that_mean_nothing_are_refused_with_a_sentence() {
        let of = |request: ProbeRequest| target(&request, false).unwrap_err();
        assert!(of(ProbeRequest::default()).contains("host"));
        let url = |u: &str| of(ProbeRequest { url: Some(u.into()), ..ProbeRequest::default() });
        assert!(!url("rtsp://admin:s3cret@10.0.0.1/x").contains("s3cret"));
        assert!(url("rtsp://169.254.169.254/x").contains("link-local"));
        assert!(url("http://10.0.0.1/x").contains("rtsp://"));
        let host = |f: fn(&mut ProbeRequest)| {
            let mut request = ProbeRequest { host: Some("10.0.0.1".into()), ..ProbeRequest::default() };
            f(&mut request);
            of(request)
        };
        assert!(host(|r| r.brand = Some("nobody".into())).contains("brands"));
        assert!(host(|r| r.onvif = Some(false)).contains("brand"));
        assert!(host(|r| r.channel_no = Some(0)).contains("from 1"));
    }
}
