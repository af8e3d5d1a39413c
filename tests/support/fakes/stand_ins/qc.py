"""A quality control that rejects one image in ten, and reviewers who reject one in three."""

# ruff: noqa: N802 the contract names the methods

from __future__ import annotations

import zlib

import numpy as np
from saggar.dataset.manifest import Manifest
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.serving.work import stream_events
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.v1 import qc_pb2, qc_pb2_grpc

from stand_ins.service import FakeService


class FakeQc(FakeService, qc_pb2_grpc.QcServiceServicer):
    """Stands in for the QC service."""

    def Screen(self, request, context):
        self._begin("Screen")

        def work(emit, cancelled):
            manifest = read_manifest(self.store, ref_from_proto(request.manifest))
            cancelled.wait(self.image_seconds)
            bad = np.array([zlib.crc32(s.encode()) % self.rejects == 0 for s in manifest.frame["source"]])
            accepted, rejected = manifest.take(~bad), manifest.take(bad)
            measures = qc_pb2.SetMeasures(
                extractor="backbone:fake",
                first_count=len(accepted),
                second_count=100,
                feature_dimensions=4,
                fid=10.0,
                kid=0.01,
                kid_low=0.005,
                kid_high=0.02,
                warnings=["fewer than 2,048 images a side: FID is biased upwards"],
            )
            report = self._put("screenings", "report.json", {"of": request.manifest.sha256})
            return qc_pb2.ScreenResult(
                accepted=ref_to_proto(write_manifest(self.store, accepted)),
                rejected=ref_to_proto(write_manifest(self.store, rejected)),
                accepted_count=len(accepted),
                rejected_count=len(rejected),
                rejected_by_reason={"blurred": len(rejected)},
                measures=measures,
                report=ref_to_proto(report),
            )

        yield from stream_events(context, qc_pb2.ScreenResponse, work)

    def CompareSets(self, request, context):
        """Half as far with adapters as without, told apart by what the images were made from."""
        self._begin("CompareSets")

        def work(emit, cancelled):
            first = read_manifest(self.store, ref_from_proto(request.first))
            second = read_manifest(self.store, ref_from_proto(request.second))
            self.compared.append((first, second))
            uses = {self.adapted.get(key) for key in first.frame["image"]}
            adapted = None not in uses
            kid = self.kids.get(uses.pop()[0], 0.01) if adapted else self.bare_kid
            return qc_pb2.SetMeasures(
                extractor="backbone:fake",
                resize=request.extractor.resize or ("bundle" if request.extractor.HasField("bundle") else "fidelity"),
                preparation="32 px, stretched",
                first_count=len(first),
                second_count=len(second),
                fid=20.0 if adapted else 40.0,
                kid=kid,
                kid_low=kid - self.kid_spread,
                kid_high=kid + self.kid_spread,
                warnings=["few images"],
            )

        yield from stream_events(context, qc_pb2.CompareSetsResponse, work)

    def OpenReview(self, request, context):
        self._begin("OpenReview")
        self.opened = request
        self.reviewed = read_manifest(self.store, ref_from_proto(request.manifest))
        return qc_pb2.OpenReviewResponse(review_id="r1", items=len(self.reviewed))

    def DescribeReview(self, request, context):
        """Finished once `people_done` is set; each call before is one image further."""
        self._begin("DescribeReview")
        done = self.people_done.is_set()
        left = 0 if done else max(1, len(self.reviewed) - self.calls["DescribeReview"])
        return qc_pb2.DescribeReviewResponse(items=len(self.reviewed), left=left, finished=done)

    def CloseReview(self, request, context):
        self._begin("CloseReview")
        return qc_pb2.CloseReviewResponse()

    def ConcludeReview(self, request, context):
        """Every third image is rejected, the second one's glaze made unknown."""
        self._begin("ConcludeReview")
        frame = self.reviewed.frame.copy()
        frame.loc[frame.index[1:2], "label_glaze"] = None
        changed = Manifest(frame, self.reviewed.tasks)
        bad = np.arange(len(frame)) % 3 == 0
        return qc_pb2.ConcludeReviewResponse(
            accepted=ref_to_proto(write_manifest(self.store, changed.take(~bad))),
            rejected=ref_to_proto(write_manifest(self.store, changed.take(bad))),
            accepted_count=int((~bad).sum()),
            rejected_count=int(bad.sum()),
            reviewed_count=len(frame),
            passed_count=int((~bad).sum()),
            pass_rate_low=0.8,
            pass_rate_high=1.0,
            masked_by_task={"glaze": 1},
        )
