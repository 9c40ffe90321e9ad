//! Without a runtime, and under executors of other kinds.

use inquiry_otl::{
    Attempt, GrantKind, LinkRequest, LinkStore, ManualClock, NewInquiry, Redemption, Service, TemplateId,
    blocking::{BlockOn, BlockingService, ParkThread},
};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, create, issue, redeem};

/// S1, D1: without any runtime a link is made, used once, and refused then.
#[test]
fn no_runtime_is_needed() {
    let directory = Directory::new();
    for store in [directory.store(), SqliteStore::in_memory().unwrap()] {
        let service = Service::builder(store).clock(ManualClock::default()).build().unwrap();
        let service = BlockingService::new(service, ParkThread);
        let inquiry =
            service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc").unwrap())).unwrap();
        let link = service.issue(LinkRequest::resume(inquiry.id)).unwrap();
        let redeem = || service.redeem(link.url.expose(), &Attempt::new()).unwrap();
        let Redemption::Granted(grant) = redeem() else { panic!("a new link was not granted") };
        assert_eq!(grant.kind, GrantKind::FirstUse);
        assert!(matches!(redeem(), Redemption::Refused(_)));
        assert!(service.authenticate(inquiry.id, grant.session.id, &grant.token).unwrap().is_some());
    }
}

/// D1, S2: of eight threads without a runtime one has the first use.
#[test]
fn threads_race_without_a_runtime() {
    let directory = Directory::new();
    let store = directory.store();
    ParkThread.block_on(store.create_inquiry(create(1))).unwrap();
    for n in 0..20 {
        ParkThread.block_on(store.issue(issue(1, n))).unwrap();
        let first_uses: u32 = std::thread::scope(|scope| {
            let attempt = || {
                let attempted = ParkThread.block_on(store.redeem(redeem(n))).unwrap().unwrap();
                u32::from(attempted.verdict == inquiry_otl::redemption::Verdict::FirstUse)
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(attempt)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(first_uses, 1, "of link {n}");
    }
}
