//! Clocks and time zones that differ from the server's.

use std::time::SystemTime;

use inquiry_otl::{
    Attempt, AttemptKey, Claiming, ExpirationPolicy, Grace, GrantKind, Interval, LinkRequest, ManualClock,
    NewInquiry, OnOutstanding, Operator, Redemption, Service, TemplateId, Timestamp,
};
use inquiry_otl_testkit::postgres;

use crate::support::{Schema, open};

const HOUR: i64 = 3_600_000_000;

/// S5: an application whose clock is an hour ahead of the server's, or behind it, and whose connections have another time
/// zone and write instants in another way, is told the same at the same distance from its own beginning.
#[tokio::test]
async fn an_hour_off_changes_no_answer() {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros();
    let wall = i64::try_from(wall).unwrap();
    let settings = [
        "-c TimeZone=UTC",
        "-c TimeZone=Pacific/Kiritimati -c DateStyle=German -c IntervalStyle=sql_standard",
        "-c TimeZone=America/St_Johns -c DateStyle=SQL,DMY -c bytea_output=escape",
    ];
    let mut told = Vec::new();
    for (off, settings) in [0, HOUR, -HOUR].into_iter().zip(settings) {
        let base = Timestamp::from_unix_micros(wall + off).unwrap();
        told.push(story(base, settings).await);
    }
    assert_eq!(told[0], told[1], "an hour ahead");
    assert_eq!(told[0], told[2], "an hour behind");
    let expected = [
        "claimed until 30000000",
        "busy until 30000000",
        "first use",
        "first use",
        "repeat",
        "replay 1 of 59999999",
        "refused: used",
        "refused: link-expired",
        "expired: 1",
        "refused: inquiry-expired",
        "purged: 0",
        "purged: 3",
    ];
    assert_eq!(told[0], expected);
}

/// What a person, an operator and support staff are told from that instant on, without anything that is drawn at random.
async fn story(base: Timestamp, settings: &str) -> Vec<String> {
    let schema = Schema::new();
    schema.store().await;
    let url = format!("{} options='{settings}'", postgres::shared().url());
    let store = open(&url, schema.options());
    let clock = ManualClock::at(base);
    let at = |micros: i64| clock.set(Timestamp::from_unix_micros(base.unix_micros() + micros).unwrap());
    let since = |at: Timestamp| at.unix_micros() - base.unix_micros();
    let policy = ExpirationPolicy::default().with_grace(Grace::persona());
    let service = Service::builder(store.clone())
        .clock(clock.clone())
        .policy(policy)
        .on_outstanding(OnOutstanding::Keep)
        .build()
        .unwrap();
    let inquiry =
        service.create(NewInquiry::from_template(TemplateId::new("itmpl_1").unwrap())).await.unwrap();
    let request = LinkRequest::resume(inquiry.id).expires_in(Interval::from_minutes(1).unwrap());
    let mut urls = Vec::new();
    for _ in 0..3 {
        let link = service.issue(request.clone()).await.unwrap();
        assert_eq!(since(link.expires_at), 60_000_000);
        urls.push(link.url.expose().to_owned());
    }
    let mut told = Vec::new();
    let tell = |answer: Redemption| match answer {
        Redemption::Granted(grant) => match grant.kind {
            GrantKind::FirstUse => "first use".to_owned(),
            GrantKind::Repeat => "repeat".to_owned(),
            GrantKind::Replay { number, first_at, .. } => {
                format!("replay {number} of {}", since(first_at))
            }
            kind @ GrantKind::Started => panic!("{kind:?}"),
        },
        Redemption::Busy { until } => format!("busy until {}", since(until)),
        Redemption::Refused(refused) => format!("refused: {}", refused.reason.name()),
    };
    let mine = Attempt::new().with_key(AttemptKey::random());

    at(0);
    let claiming = service.claim(&urls[2], &mine).await.unwrap();
    let Claiming::Claimed(claim) = claiming else { panic!("{claiming:?}") };
    told.push(format!("claimed until {}", since(claim.until)));
    at(29_999_999);
    told.push(tell(service.redeem(&urls[2], &Attempt::new()).await.unwrap()));
    told.push(tell(service.commit(&claim).await.unwrap()));

    // The last microsecond of its life, and of the windows that begin then.
    at(59_999_999);
    told.push(tell(service.redeem(&urls[0], &mine).await.unwrap()));
    at(59_999_999 + 299_999_999);
    told.push(tell(service.redeem(&urls[0], &mine).await.unwrap()));
    told.push(tell(service.redeem(&urls[0], &Attempt::new()).await.unwrap()));
    at(59_999_999 + 300_000_000);
    told.push(tell(service.redeem(&urls[0], &Attempt::new()).await.unwrap()));
    at(60_000_000);
    told.push(tell(service.redeem(&urls[1], &Attempt::new()).await.unwrap()));

    let operator = Operator::builder(store).clock(clock.clone()).build();
    at(24 * HOUR - 1);
    assert_eq!(operator.tick().await.expired, 0, "a microsecond before the deadline");
    at(24 * HOUR);
    told.push(format!("expired: {}", operator.tick().await.expired));
    told.push(tell(service.redeem(&urls[1], &Attempt::new()).await.unwrap()));
    for late in [-1_000_000, 0] {
        at(60_000_000 + 30 * 24 * HOUR + late);
        let round = operator.tick().await;
        assert!(round.failures.is_empty(), "{round:?}");
        told.push(format!("purged: {}", round.purged.links));
    }
    told
}
