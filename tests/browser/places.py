"""Every page of the product by name, with real ids where an address needs one."""

from __future__ import annotations

from playwright.sync_api import Page

FIXED = {
    "overview": "/",
    "guests": "/guests/",
    "guest-create": "/guests/new/",
    "hosts": "/hosts/",
    "host-add": "/hosts/new/",
    "images": "/images/",
    "image-import": "/images/import/",
    "jobs": "/jobs/",
    "audit": "/audit/",
    "consoles": "/consoles/",
    "tokens": "/tokens/",
    "token-add": "/tokens/new/",
    "quota-requests": "/quota-requests/",
    "quota-ask": "/quota-requests/new/",
    "tenants": "/tenants/",
    "tenant-add": "/tenants/new/",
    "access": "/tenants/access/",
    "permissions": "/tenants/permissions/",
    "account": "/account/",
    "password": "/account/password/",
    "two-factor": "/account/two-factor/",
    "two-factor-app": "/account/two-factor/app/",
    "passkey-add": "/account/two-factor/passkeys/add/",
    "sessions": "/account/sessions/",
    "ssh-keys": "/account/ssh-keys/",
    "api-reference": "/api/v1/docs/",
    "admin": "/admin/",
    "admin-tenants": "/admin/tenants/tenant/",
    "admin-quotas": "/admin/tenants/tenantquota/",
    "admin-quota-default": "/admin/tenants/quotadefault/1/change/",
    "admin-quota-changes": "/admin/tenants/quotachange/",
    "admin-users": "/admin/tenants/user/",
    "admin-user-add": "/admin/tenants/user/add/",
    "admin-guests": "/admin/guests/guest/",
    "admin-hosts": "/admin/hosts/host/",
    "admin-images": "/admin/storage/image/",
    "admin-jobs": "/admin/jobs/job/",
    "admin-audit": "/admin/tenants/auditentry/",
    "admin-tokens": "/admin/tenants/apitoken/",
}
TENANT_HAS = (
    "overview",
    "guests",
    "guest-create",
    "images",
    "jobs",
    "audit",
    "consoles",
    "tokens",
    "token-add",
    "quota-requests",
    "tenants",
    "access",
    "permissions",
    "password",
    "account",
    "two-factor",
    "sessions",
    "ssh-keys",
)
LOOK_UP = """async () => {
  const first = async (path) => (await (await fetch(`/api/v1/${path}`)).json()).results[0]?.id;
  const asked = ["guests/?search=web-01", "guests/?search=hello", "hosts/", "jobs/", "tenants/"];
  const [guest, real, host, job, tenant] = await Promise.all(asked.map(first));
  return { guest, real, host, job, tenant };
}"""


def places(page: Page) -> dict[str, str]:
    """`page` is of an admin and shows a page of the product."""
    ids = page.evaluate(LOOK_UP)
    return FIXED | {
        "guest": f"/guests/{ids['guest']}/",
        "guest-hardware": f"/guests/{ids['guest']}/?tab=hardware",
        "guest-timeline": f"/guests/{ids['guest']}/?tab=timeline",
        "guest-edit": f"/guests/{ids['guest']}/edit/",
        "guest-delete": f"/guests/{ids['guest']}/delete/",
        "guest-transfer": f"/guests/{ids['guest']}/transfer/",
        "tenant": f"/tenants/{ids['tenant']}/",
        "tenant-members": f"/tenants/{ids['tenant']}/?tab=members",
        "tenant-settings": f"/tenants/{ids['tenant']}/?tab=settings",
        "tenant-change": f"/tenants/{ids['tenant']}/change/",
        "tenant-delete": f"/tenants/{ids['tenant']}/delete/",
        "member-add": f"/tenants/{ids['tenant']}/members/add/",
        "invitation-add": f"/tenants/{ids['tenant']}/invitations/new/",
        "guests-of-tenant": f"/guests/?tenant={ids['tenant']}",
        "console": f"/guests/{ids['real']}/console/",
        "console-serial": f"/guests/{ids['real']}/console/?kind=serial",
        "host": f"/hosts/{ids['host']}/",
        "host-guests": f"/hosts/{ids['host']}/?tab=guests",
        "host-storage": f"/hosts/{ids['host']}/?tab=storage",
        "host-unmanaged": f"/hosts/{ids['host']}/?tab=unmanaged",
        "job": f"/jobs/{ids['job']}/",
        "admin-tenant": f"/admin/tenants/tenant/{ids['tenant']}/change/",
        "admin-host": f"/admin/hosts/host/{ids['host']}/change/",
    }
