"""Importing, building, changing and deleting images: files in our folder, rows, refusals, and what a failure leaves."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from guests.requests import CreateGuest
from guests.services.create import create_guests
from hypervisor.fake import FakeMachine
from jobs.models import Job, JobState
from jobs.services import cancel_job, retry_job
from jobs.testing import assert_every_step_twice, assert_survives_a_lost_worker, assert_unwinds_from_every_step, run_inline
from kvmweb.errors import Conflict, InvalidInput, NotAllowed, NotFound, QuotaExceeded
from storage.models import Image, Volume
from storage.services.images import build_image, change_image, delete_image, import_image, importable_files, register_built_image
from storage.steps import recipe_run
from tenants.models import Quota
from tenants.quota import usage_of


def files_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_file()) if folder.exists() else []


# -- import -----------------------------------------------------------------------------------------------------------------------------
def test_imported_qcow2_becomes_a_clean_file_of_ours(qemu_img, operator_actor, settings) -> None:
    qemu_img("disk.qcow2", "-f", "qcow2")
    image, job = import_image(operator_actor, None, name="mine", kind="disk", file_name="disk.qcow2", os="debian12")
    assert image.state == "building"
    assert run_inline(job).state == JobState.SUCCEEDED
    image.refresh_from_db()
    kept = settings.IMAGES_DIR / image.file_name
    assert (image.state, image.format, image.virtual_size_bytes) == ("ready", "qcow2", 10 * 1024**2)
    assert image.sha256 == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert files_in(settings.IMAGES_DIR) == [f"{image.pk}.qcow2"]
    assert (settings.IMPORT_DIR / "disk.qcow2").exists()


def test_imported_raw_disk_keeps_its_content(import_file, raw_disk, operator_actor, settings, tmp_path) -> None:
    import_file("disk.img", raw_disk)
    image, job = import_image(operator_actor, None, name="mine", kind="disk", file_name="disk.img")
    assert run_inline(job).state == JobState.SUCCEEDED
    image.refresh_from_db()
    back = tmp_path / "back.raw"
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", settings.IMAGES_DIR / image.file_name, back], check=True)
    assert back.read_bytes() == raw_disk


def test_iso_is_kept_as_it_is(import_file, iso, operator_actor, settings) -> None:
    import_file("debian.iso", iso)
    image, job = import_image(operator_actor, None, name="debian-installer", kind="iso", file_name="debian.iso")
    assert run_inline(job).state == JobState.SUCCEEDED
    image.refresh_from_db()
    assert (image.format, (settings.IMAGES_DIR / image.file_name).read_bytes()) == ("iso", iso)


def test_import_steps_may_run_twice_fail_and_lose_their_worker(import_file, raw_disk, operator_actor, machine, settings) -> None:
    import_file("disk.img", raw_disk)

    def make() -> Job:
        for leftover in files_in(settings.IMAGES_DIR):
            (settings.IMAGES_DIR / leftover).unlink()
        return import_image(operator_actor, None, name="mine", kind="disk", file_name="disk.img")[1]

    assert_every_step_twice(make, machine)
    assert_unwinds_from_every_step(make, machine, ignoring=("storage.Image",))
    assert files_in(settings.IMAGES_DIR) == []
    assert_survives_a_lost_worker(make, machine)


def test_failed_import_says_why_and_can_be_retried(import_file, raw_disk, operator_actor, settings) -> None:
    path = import_file("disk.img", raw_disk)
    image, job = import_image(operator_actor, None, name="mine", kind="disk", file_name="disk.img")
    path.unlink()
    failed = run_inline(job)
    image.refresh_from_db()
    assert (failed.state, image.state) == (JobState.FAILED, "failed")
    assert "gone from the import folder" in image.state_reason
    assert files_in(settings.IMAGES_DIR) == []
    import_file("disk.img", raw_disk)
    assert run_inline(retry_job(operator_actor, failed)).state == JobState.SUCCEEDED
    image.refresh_from_db()
    assert (image.state, image.state_reason) == ("ready", "")


def test_file_swapped_after_the_click_is_caught_by_the_worker(import_file, raw_disk, operator_actor, settings) -> None:
    path = import_file("disk.img", raw_disk)
    _, job = import_image(operator_actor, None, name="mine", kind="disk", file_name="disk.img")
    path.unlink()
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", path, "1M"], check=True)
    failed = run_inline(job)
    assert failed.state == JobState.FAILED
    assert "backing file" in failed.error["message"]
    assert files_in(settings.IMAGES_DIR) == []


def test_cancelled_import_leaves_no_row_and_no_file(import_file, raw_disk, operator_actor, settings) -> None:
    import_file("disk.img", raw_disk)
    image, job = import_image(operator_actor, None, name="mine", kind="disk", file_name="disk.img")
    cancel_job(operator_actor, job)
    assert run_inline(job).state == JobState.CANCELLED
    assert not Image.objects.filter(pk=image.pk).exists()


def test_wrong_checksum_is_refused_by_the_worker(import_file, raw_disk, operator_actor) -> None:
    import_file("disk.img", raw_disk)
    right = hashlib.sha256(raw_disk).hexdigest()
    _, job = import_image(operator_actor, None, name="wrong", kind="disk", file_name="disk.img", checksum="0" * 64)
    assert run_inline(job).error["details"]["fields"]["checksum"] == [f"The file's SHA-256 is {right}, not the one given."]
    _, job = import_image(operator_actor, None, name="right", kind="disk", file_name="disk.img", checksum=right.upper())
    assert run_inline(job).state == JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "My Image"}, "name"),
        ({"name": "../x"}, "name"),
        ({"kind": "floppy"}, "kind"),
        ({"kind": "iso"}, "file_name"),
        ({"os": "$(id)"}, "os"),
        ({"format": "qcow2"}, "file_name"),
        ({"checksum": "abc"}, "checksum"),
        ({"file_name": "../../etc/passwd"}, "file_name"),
        ({"file_name": "/etc/passwd"}, "file_name"),
        ({"file_name": "missing.img"}, "file_name"),
        ({"file_name": "link.img"}, "file_name"),
        ({"file_name": "text.img"}, "file_name"),
    ],
)
def test_bad_import_is_refused_by_field_before_anything_is_made(changes, field, import_file, raw_disk, operator_actor, settings) -> None:
    import_file("disk.img", raw_disk)
    import_file("text.img", b"not an image at all\n" * 5000)
    os.symlink("/etc/passwd", settings.IMPORT_DIR / "link.img")
    asked = {"name": "mine", "kind": "disk", "file_name": "disk.img", **changes}
    with pytest.raises(InvalidInput) as refused:
        import_image(operator_actor, None, **asked)
    assert list(refused.value.fields) == [field]
    assert not Image.objects.exists()
    assert not Job.objects.exists()


def test_import_folder_is_for_operators(import_file, raw_disk, tenant, member_actor, operator_actor, stranger_actor) -> None:
    import_file("disk.img", raw_disk)
    import_file(".hidden", raw_disk)
    assert [file.name for file in importable_files(operator_actor)] == ["disk.img"]
    assert importable_files(member_actor) == []
    with pytest.raises(NotAllowed):
        import_image(member_actor, tenant, name="mine", kind="disk", file_name="disk.img")
    with pytest.raises(NotAllowed):
        import_image(member_actor, None, name="mine", kind="disk", file_name="disk.img")
    with pytest.raises(NotFound):
        import_image(stranger_actor, tenant, name="mine", kind="disk", file_name="disk.img")
    assert import_image(operator_actor, tenant, name="mine", kind="disk", file_name="disk.img")[0].tenant == tenant


def test_tenants_image_counts_the_disk_it_promises_not_the_file_it_is(qemu_img, tenant, operator_actor) -> None:
    Quota.objects.create(tenant=tenant, image_gib=5)
    sparse = qemu_img("sparse.qcow2", "-f", "qcow2", size="6G")
    assert sparse.stat().st_size < 1024**2
    with pytest.raises(QuotaExceeded):
        import_image(operator_actor, tenant, name="mine", kind="disk", file_name="sparse.qcow2")
    qemu_img("fits.qcow2", "-f", "qcow2", size="5G")
    import_image(operator_actor, tenant, name="fits", kind="disk", file_name="fits.qcow2")
    assert usage_of(tenant.pk)["image_gib"] == 5


def test_failed_import_gives_its_quota_back_and_its_retry_reserves_again(qemu_img, tenant, operator_actor, settings) -> None:
    Quota.objects.create(tenant=tenant, image_gib=3)
    for name in ("a", "b"):
        qemu_img(f"{name}.qcow2", "-f", "qcow2", size="2G")
    _, job = import_image(operator_actor, tenant, name="a", kind="disk", file_name="a.qcow2")
    (settings.IMPORT_DIR / "a.qcow2").rename(settings.IMPORT_DIR / "away")
    assert run_inline(job).state == JobState.FAILED
    assert usage_of(tenant.pk)["image_gib"] == 0
    _, other = import_image(operator_actor, tenant, name="b", kind="disk", file_name="b.qcow2")
    with pytest.raises(QuotaExceeded):
        retry_job(operator_actor, Job.objects.get(pk=job.pk))
    cancel_job(operator_actor, other)
    run_inline(other)
    (settings.IMPORT_DIR / "away").rename(settings.IMPORT_DIR / "a.qcow2")
    again = retry_job(operator_actor, Job.objects.get(pk=job.pk))
    assert usage_of(tenant.pk)["image_gib"] == 2
    assert run_inline(again).state == JobState.SUCCEEDED
    assert usage_of(tenant.pk)["image_gib"] == 2


def test_a_member_does_not_read_the_import_folder_by_a_retry(qemu_img, tenant, operator_actor, owner_actor, settings) -> None:
    """By now another tenant's file may have that name."""
    qemu_img("disk.qcow2", "-f", "qcow2")
    _, job = import_image(operator_actor, tenant, name="mine", kind="disk", file_name="disk.qcow2", checksum="0" * 64)
    failed = run_inline(job)
    assert failed.state == JobState.FAILED
    with pytest.raises(NotAllowed, match="operators"):
        retry_job(owner_actor, failed)
    assert retry_job(operator_actor, failed).retry_of == failed


def test_retry_of_an_import_whose_image_is_gone_is_refused(qemu_img, tenant, operator_actor, settings) -> None:
    qemu_img("a.qcow2", "-f", "qcow2")
    image, job = import_image(operator_actor, tenant, name="a", kind="disk", file_name="a.qcow2")
    (settings.IMPORT_DIR / "a.qcow2").unlink()
    run_inline(job)
    image.delete()
    with pytest.raises(Conflict, match="deleted"):
        retry_job(operator_actor, Job.objects.get(pk=job.pk))


def test_file_that_grew_after_it_was_counted_is_refused(qemu_img, tenant, operator_actor, settings) -> None:
    qemu_img("a.qcow2", "-f", "qcow2", size="1G")
    _, job = import_image(operator_actor, tenant, name="a", kind="disk", file_name="a.qcow2")
    qemu_img("a.qcow2", "-f", "qcow2", size="9G")
    job = run_inline(job)
    assert (job.state, usage_of(tenant.pk)["image_gib"]) == (JobState.FAILED, 0)
    assert "became larger" in job.error["message"]


# -- build ------------------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def recipe(monkeypatch, tmp_path):
    """Replaces the child by a small program that speaks as recipes do."""

    real = recipe_run.SafeChild

    def use(body: str) -> None:
        program = tmp_path / "recipe.py"
        program.write_text("import sys, json, subprocess, time, os\noutput = sys.argv[2]\n" + textwrap.dedent(body))

        def child(command, **options):
            return real([sys.executable, str(program), *command[3:]], **options)

        monkeypatch.setattr(recipe_run, "SafeChild", child)

    return use


GOOD = """
print(json.dumps({"step": "Baking", "percent": 40}), flush=True)
subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", output, "64M"], check=True)
print(json.dumps({"step": "done", "percent": 100}), flush=True)
"""


def test_built_image_is_ready_and_its_steps_are_in_the_log(recipe, operator_actor, settings) -> None:
    recipe(GOOD)
    image, job = build_image(operator_actor, "debian12")
    assert (image.name, image.state, image.has_cloud_init) == ("debian-12", "building", True)
    job = run_inline(job)
    image.refresh_from_db()
    assert (job.state, image.state, image.virtual_size_bytes) == (JobState.SUCCEEDED, "ready", 64 * 1024**2)
    assert [line.text for line in job.log_lines.all()] == ["Baking", "done"]
    assert files_in(settings.IMAGES_DIR) == [image.file_name]


def test_failed_build_gives_the_recipes_own_sentence_and_is_built_again_in_its_row(recipe, operator_actor) -> None:
    recipe('print(json.dumps({"error": "mmdebstrap is missing."})); sys.exit(1)')
    image, job = build_image(operator_actor, "debian12")
    failed = run_inline(job)
    assert failed.error["message"] == "The image could not be built: mmdebstrap is missing."
    recipe(GOOD)
    again, job = build_image(operator_actor, "debian12")
    assert again.pk == image.pk
    assert run_inline(job).state == JobState.SUCCEEDED


def test_cancelled_build_ends_the_child(recipe, operator_actor, tmp_path, settings) -> None:
    pid_file = tmp_path / "pid"
    recipe(f"""
        open({str(pid_file)!r}, "w").write(str(os.getpid()))
        print(json.dumps({{"step": "x", "percent": 1}}), flush=True)
        time.sleep(60)
    """)
    _, job = build_image(operator_actor, "debian12")
    original = recipe_run._told

    def cancel_at_first_line(context, line):
        told = original(context, line)
        if told:
            cancel_job(operator_actor, Job.objects.get(pk=job.pk))
        return told

    recipe_run._told = cancel_at_first_line
    try:
        assert run_inline(job).state == JobState.CANCELLED
    finally:
        recipe_run._told = original
    assert not Path(f"/proc/{pid_file.read_text()}").exists()
    assert not Image.objects.exists()


def test_building_is_for_operators_and_once(recipe, operator_actor, owner_actor) -> None:
    recipe(GOOD)
    with pytest.raises(NotAllowed):
        build_image(owner_actor, "micro")
    with pytest.raises(InvalidInput):
        build_image(operator_actor, "../micro")
    run_inline(build_image(operator_actor, "micro")[1])
    with pytest.raises(Conflict, match="there already"):
        build_image(operator_actor, "micro")


def test_registering_the_built_image_twice_is_one_image(qemu_img, db, settings) -> None:
    path = qemu_img("micro.qcow2", "-f", "qcow2")
    first = register_built_image("micro", path)
    again = register_built_image("micro", path)
    assert first.pk == again.pk
    assert Image.objects.count() == 1
    assert (again.state, again.tenant, again.name, again.file_name) == ("ready", None, "micro", "micro.qcow2")
    assert files_in(settings.IMAGES_DIR) == ["micro.qcow2"]


# -- change and delete --------------------------------------------------------------------------------------------------------------------
def test_public_images_are_changed_by_operators_only(image, operator_actor, owner_actor) -> None:
    assert change_image(operator_actor, image, {"description": "tiny"}).description == "tiny"
    with pytest.raises(NotAllowed):
        change_image(owner_actor, image, {"description": "mine"})
    with pytest.raises(InvalidInput) as refused:
        change_image(operator_actor, image, {"sha256": "0"})
    assert list(refused.value.fields) == ["sha256"]


def test_deleted_image_takes_its_copies_and_its_file_along(
    image, tenant, member_actor, operator_actor, machine: FakeMachine, settings
) -> None:
    run_inline(create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256, clone_mode="full")).job)
    assert len(machine.pools["default"].volumes) == 2
    job = run_inline(delete_image(operator_actor, image))
    assert job.state == JobState.SUCCEEDED, job.error
    assert not Image.objects.exists()
    assert [volume.purpose for volume in Volume.objects.all()] == ["disk"]
    assert len(machine.pools["default"].volumes) == 1
    assert files_in(settings.IMAGES_DIR) == []


def test_image_with_overlays_is_kept_and_the_guests_are_named(image, tenant, member_actor, operator_actor, machine: FakeMachine) -> None:
    run_inline(create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256)).job)
    with pytest.raises(Conflict, match="in use by web"):
        delete_image(operator_actor, image)
    image.refresh_from_db()
    assert image.state == "ready"


def test_image_a_guest_is_being_made_from_is_kept(image, tenant, member_actor, operator_actor, machine: FakeMachine) -> None:
    create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256))
    with pytest.raises(Conflict, match="in use by web"):
        delete_image(operator_actor, image)


def failed_job(kind: str, image: Image) -> Job:
    args = {"image_id": str(image.pk), "recipe": image.recipe}
    return Job.objects.create(kind=kind, title="x", state=JobState.FAILED, exclusive_key=f"image:{image.pk}", args=args)


def test_a_retry_does_not_delete_an_image_that_is_used_by_now(image, tenant, member_actor, operator_actor, machine: FakeMachine) -> None:
    failed = failed_job("image.delete", image)
    create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256))
    with pytest.raises(Conflict, match="in use by web"):
        retry_job(operator_actor, failed)


def test_while_a_retry_deletes_an_image_no_guests_are_made(image, tenant, member_actor, operator_actor, machine: FakeMachine) -> None:
    again = retry_job(operator_actor, failed_job("image.delete", image))
    with pytest.raises(InvalidInput, match="being deleted"):
        create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256))
    assert run_inline(again).state == JobState.SUCCEEDED
    assert not Image.objects.exists()


def test_an_old_build_is_not_tried_again_over_a_ready_image(image, operator_actor) -> None:
    """Cancelled, it would take the image away."""
    with pytest.raises(Conflict, match="made, meanwhile"):
        retry_job(operator_actor, failed_job("image.build", image))


def test_image_being_deleted_makes_no_guests(image, tenant, member_actor, operator_actor, machine: FakeMachine) -> None:
    delete_image(operator_actor, image)
    with pytest.raises(InvalidInput, match="being deleted"):
        create_guests(member_actor, tenant, CreateGuest("web", image, memory_mib=256))


def test_deleting_may_stop_anywhere_and_go_on(image, operator_actor, machine: FakeMachine, settings) -> None:
    kept = (settings.IMAGES_DIR / image.file_name).read_bytes()

    def make() -> Job:
        (settings.IMAGES_DIR / image.file_name).write_bytes(kept)
        return delete_image(operator_actor, image)

    assert_every_step_twice(make, machine)
    assert_survives_a_lost_worker(make, machine)


def test_strangers_image_is_not_there(image, tenant, stranger_actor, viewer_actor) -> None:
    Image.objects.filter(pk=image.pk).update(tenant=tenant)
    image.refresh_from_db()
    with pytest.raises(NotFound):
        delete_image(stranger_actor, image)
    with pytest.raises(NotAllowed):
        delete_image(viewer_actor, image)
