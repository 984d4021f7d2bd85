//! User pools of Cognito.

use aws_sdk_cognitoidentityprovider::{
    operation::update_user_pool::builders::UpdateUserPoolFluentBuilder,
    types::{DeletionProtectionType, UserPoolType},
};

use super::{Clients, found};
use crate::Error;

const GONE: &[&str] = &["ResourceNotFoundException"];

impl Clients {
    async fn user_pool(&self, id: &str) -> Result<Option<UserPoolType>, Error> {
        let described = self.cognito.describe_user_pool().user_pool_id(id).send().await;
        Ok(found(described, GONE, "reading the user pool")?.and_then(|described| described.user_pool))
    }

    /// Tells whether a user pool is protected from deletion; one that is absent is not.
    pub async fn user_pool_is_protected(&self, id: &str) -> Result<bool, Error> {
        let pool = self.user_pool(id).await?;
        Ok(pool.and_then(|pool| pool.deletion_protection) == Some(DeletionProtectionType::Active))
    }

    /// Sets a user pool's deletion protection. A pool that is absent needs none.
    pub async fn set_user_pool_protection(&self, id: &str, on: bool) -> Result<(), Error> {
        let Some(pool) = self.user_pool(id).await? else { return Ok(()) };
        let protection = if on { DeletionProtectionType::Active } else { DeletionProtectionType::Inactive };
        let update = unchanged(self.cognito.update_user_pool().user_pool_id(id), pool);
        let update = update.deletion_protection(protection).send().await;
        found(update, GONE, "setting the user pool's deletion protection").map(drop)
    }
}

/// Fills in what a pool is set to. The update sets whatever it does not name to its default ("UpdateUserPool"): anybody could sign
/// up, for one, until the pool is deleted, and after a deletion that was given up.
fn unchanged(update: UpdateUserPoolFluentBuilder, pool: UserPoolType) -> UpdateUserPoolFluentBuilder {
    // Its successor, in the password policy, is there too, and the two together are refused. 0 is the same as none.
    let admin = pool.admin_create_user_config.map(|mut admin| {
        admin.unused_account_validity_days = 0;
        admin
    });
    // CloudFormation's own: only AWS may set them, and no update takes them away.
    let tags = pool.user_pool_tags.map(|mut tags| {
        tags.retain(|name, _| !name.starts_with("aws:"));
        tags
    });
    update
        .set_pool_name(pool.name)
        .set_policies(pool.policies)
        .set_lambda_config(pool.lambda_config)
        .set_auto_verified_attributes(pool.auto_verified_attributes)
        .set_sms_verification_message(pool.sms_verification_message)
        .set_email_verification_message(pool.email_verification_message)
        .set_email_verification_subject(pool.email_verification_subject)
        .set_verification_message_template(pool.verification_message_template)
        .set_sms_authentication_message(pool.sms_authentication_message)
        .set_user_attribute_update_settings(pool.user_attribute_update_settings)
        .set_mfa_configuration(pool.mfa_configuration)
        .set_device_configuration(pool.device_configuration)
        .set_email_configuration(pool.email_configuration)
        .set_sms_configuration(pool.sms_configuration.filter(|sms| !sms.sns_caller_arn.is_empty()))
        .set_user_pool_tags(tags)
        .set_admin_create_user_config(admin)
        .set_user_pool_add_ons(pool.user_pool_add_ons)
        .set_account_recovery_setting(pool.account_recovery_setting)
        .set_user_pool_tier(pool.user_pool_tier)
}
