//! What an error says is fit for a log: PostgreSQL repeats rows and parameters in what it says, and none of it is passed on.

use std::error::Error as _;

use proofline_core::{Membership, Place, Role, SeededEntropy, Timestamp, UserId};
use proofline_store::{NewPerson, Store, StoreError};
use proofline_testkit::TestDatabase;

fn person(name: String, email: &str, seed: u64) -> NewPerson {
    NewPerson {
        id: UserId::new(Timestamp::UNIX_EPOCH, &SeededEntropy::new(seed)),
        email: email.parse().expect("an address"),
        name,
        membership: Membership::new(Role::StaffAdmin, Place::Platform).expect("of one level"),
        password_hash: "v1$canary".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    }
}

async fn create(store: &Store, person: &NewPerson) -> Result<(), StoreError> {
    let mut sign_in = store.sign_in().await?;
    sign_in.create_person(person).await?;
    sign_in.commit().await
}

/// Everything that a log line could be made of.
fn said(error: &StoreError) -> String {
    format!("{error} {error:?} {error:#?} {:?} {:?}", error.source().map(ToString::to_string), error.source())
}

#[tokio::test]
async fn an_error_names_what_was_hit_and_not_what_was_stored() {
    let database = TestDatabase::create().await;
    let store = database.store(2).await;
    create(&store, &person("Canary Name".into(), "canary@staff.example", 1)).await.expect("is the first");
    let taken = create(&store, &person("Canary Other".into(), "canary@staff.example", 2)).await;
    let taken = taken.expect_err("an address is one person's");
    assert!(matches!(&taken, StoreError::Conflict { constraint, .. } if constraint == "person_email_key"));
    let long = create(&store, &person("Canary ".repeat(20), "canary.two@staff.example", 3)).await;
    let long = long.expect_err("a name has an end");
    assert!(said(&long).contains("23514") && said(&long).contains("person_name_check"), "{}", said(&long));
    let nul = create(&store, &person("Canary \0".into(), "canary.three@staff.example", 4)).await;
    let nul = nul.expect_err("no text holds a NUL");
    for error in [taken, long, nul] {
        assert!(!said(&error).to_lowercase().contains("canary"), "{}", said(&error));
    }
}
